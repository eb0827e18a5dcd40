# Two devices of one person that are never on at once: each hears of the other by way of a friend, who meets both.
device a of anna
device a2 of anna
device b of ben
friends anna ben

1h   a2 crashes for 20d
10d  a says "with a new prekey" to ben
19d  a crashes for 30d
21d  a2 shows "with a new prekey" with ben
22d  a2 says "from the other one" to ben
40d  a2 crashes for 60d
50d  a shows "with a new prekey" "from the other one" with ben
51d  a says "read it" to ben
98d  a crashes for 10d
101d a2 shows "with a new prekey" "from the other one" "read it" with ben
