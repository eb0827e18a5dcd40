# A clock that is three years ahead is followed, so answers still stand below what they answer.
device a of anna
device b of ben
clock b +1095d
friends anna ben

1h   b says "greetings from the future" to anna
2h   a says "and how is it there?" to ben
3h   b says "the same" to anna
4h   a shows "greetings from the future" "and how is it there?" "the same" with ben
4h   b shows "greetings from the future" "and how is it there?" "the same" with anna
