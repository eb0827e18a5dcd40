# Strangers become contacts; somebody who is blocked is not heard until that is taken back.
device a of anna
device b of ben
strangers anna ben

1m   a asks ben
1h   b accepts anna
2h   a says "thank you" to ben
3h   b shows "thank you" with anna
4h   b blocks anna
5h   a says "hello?" to ben
1d   b shows "thank you" with anna
2d   b unblocks anna
finally b shows "thank you" "hello?" with anna
finally a shows "thank you" "hello?" with ben
