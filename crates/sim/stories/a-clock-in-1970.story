# A device without a clock writes in the right order all the same: after what it has read.
device a of anna
device b of ben
clock b 1970
friends anna ben

1h   a says "what time is it?" to ben
2h   b says "no idea" to anna
3h   a says "you should buy a watch" to ben
4h   a shows "what time is it?" "no idea" "you should buy a watch" with ben
4h   b shows "what time is it?" "no idea" "you should buy a watch" with anna
