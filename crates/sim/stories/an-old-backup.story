# A telephone falls into the water. The new one starts from an old backup; the history comes back from the contact.
device a of anna
device b of ben
device b2 of ben later
friends anna ben

1h   a says "one" to ben
2h   b says "two" to anna
3h   b backs up
1d   a says "three" to ben
2d   b says "four" to anna
3d   b crashes for 60d
4d   a says "five" to ben
5d   b2 restores b
6d   b2 says "I am back" to anna
8d   b2 shows "one" "two" "three" "four" "five" "I am back" with anna
8d   a shows "one" "two" "three" "four" "five" "I am back" with ben
