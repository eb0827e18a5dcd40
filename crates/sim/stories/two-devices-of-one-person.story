# Notes to oneself, and a conversation that two devices of one person carry on.
device a of anna
device a2 of anna
device b of ben
friends anna ben

1h   a says "milk, eggs" to anna
2h   a2 shows "milk, eggs" with anna
3h   a leaves for 2d
4h   b says "are you home?" to anna
5h   a2 answers "are you home?" with "yes" to ben
6h   a2 says "bread" to anna
3d   a shows "milk, eggs" "bread" with anna
3d   a shows "are you home?" "yes" with ben
3d   b shows "are you home?" "yes" with anna
