# A timer of a day: texts go on both sides, also where the device slept through it.
device a of anna
device b of ben
friends anna ben

1h   a says "this stays" to ben
2h   a sets timer 1d with ben
3h   a says "this goes" to ben
4h   b shows "this stays" "(timer)" "this goes" with anna
5h   b crashes for 5d
3d   a shows "this stays" "(timer)" with ben
6d   b shows "this stays" "(timer)" with anna
7d   b sets timer off with anna
8d   a says "and this stays" to ben
9d   b shows "this stays" "(timer)" "(timer)" "and this stays" with anna
