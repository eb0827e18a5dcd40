# Two people write while they can't reach each other, and find both sides' words when they can again.
device a of anna
device b of ben
friends anna ben

1m  a says "are you there?" to ben
2m  b shows "are you there?" with anna
3m  b leaves for 3d
1h  a says "the ferry is late" to ben
2h  b says "no signal here" to anna
3h  a says "see you tomorrow" to ben
4h  a shows "are you there?" "the ferry is late" "see you tomorrow" with ben
4h  b shows "are you there?" "no signal here" with anna
4d  a shows "are you there?" "the ferry is late" "no signal here" "see you tomorrow" with ben
4d  b shows "are you there?" "the ferry is late" "no signal here" "see you tomorrow" with anna
