# Three devices that are never all there at once: what one wrote comes to the third by way of the second.
device a of anna
device a2 of anna
device b of ben
friends anna ben

1h   b leaves for 2d
2h   a says "from the old telephone" to ben
1d   a crashes for 30d
3d   b shows "from the old telephone" with anna
4d   b says "heard" to anna
5d   a2 leaves for 20d
6d   b says "heard again" to anna
31d  a shows "from the old telephone" "heard" "heard again" with ben
31d  a2 shows "from the old telephone" "heard" "heard again" with ben
