# A data directory is copied, and both copies write: two branches of one log, of which everybody shows both.
device a of anna
device b of ben
device b2 of ben later
friends anna ben

1h   b says "before the copy" to anna
2h   b2 copies b
3h   b leaves for 1d
4h   b says "from the old machine" to anna
5h   b2 says "from the new machine" to anna
finally a shows "before the copy" "from the old machine" "from the new machine" with ben
finally b shows "before the copy" "from the old machine" "from the new machine" with anna
finally b2 shows "before the copy" "from the old machine" "from the new machine" with anna
