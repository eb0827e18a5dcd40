# A timer counts on each device from when a message came there, by its own clock, wrong as that may be.
device a of anna
device b of ben
clock b -3h
friends anna ben

0s a sets timer 1h with ben
1m a says "soon gone" to ben
2m a says "and this" to ben
50m a shows "(timer)" "soon gone" "and this" with ben
50m b shows "(timer)" "soon gone" "and this" with anna
2h a shows "(timer)" with ben
2h b shows "(timer)" with anna

# Who was away keeps it for the whole hour after it came, while it is long gone where it was written.
3h b leaves for 5h
4h a says "while you were away" to ben
7h a shows "(timer)" with ben
510m b shows "(timer)" "while you were away" with anna
10h b shows "(timer)" with anna

# A clock that is set ahead ends the hour at once, there alone.
11h b says "by the clock" to anna
671m b jumps +2h
672m b shows "(timer)" with anna
672m a shows "(timer)" "by the clock" with ben
13h a shows "(timer)" with ben
