# Whoever is killed again and again loses nothing that was confirmed.
device a of anna
device b of ben
friends anna ben

1m   a says "one" to ben
61s  a crashes for 30s
3m   a says "two" to ben
3m   b crashes for 30s
5m   b says "three" to anna
6m   b crashes for 1h
7m   a says "four" to ben
3h   a shows "one" "two" "three" "four" with ben
3h   b shows "one" "two" "three" "four" with anna
