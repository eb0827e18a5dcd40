# A snapshot of a virtual machine is restored: what was confirmed to others since then comes back from them, and no place of
# a log is used twice.
device a of anna
device b of ben
friends anna ben

1h   b says "one" to anna
2h   b remembers
3h   b says "two" to anna
4h   b forgets
6h   b says "three" to anna
finally a shows "one" "two" "three" with ben
finally b shows "one" "two" "three" with anna
