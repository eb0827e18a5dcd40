# A clock that loses an hour a day is two weeks behind a year later: what is said still stands in the order in which it was said.
device a of anna
device b of ben
clock a loses 1h
friends anna ben

350d a says "one" to ben
8401h b says "two" to anna
8402h a says "three" to ben
8403h b answers "three" with "four" to anna
8404h a shows "one" "two" "three" "four" with ben
8404h b shows "one" "two" "three" "four" with anna
