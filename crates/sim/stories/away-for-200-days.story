# Longer than any prekey lives: what was sealed to old ones is asked for again, and everything becomes readable by itself.
device a of anna
device c of carl
friends anna carl

1h    a says "before" to carl
2h    c shows "before" with anna
3h    c leaves for 200d
50d   a says "after fifty days" to carl
60d   c says "written at sea" to anna
150d  a says "after a hundred and fifty" to carl
151d  a shows "before" "after fifty days" "after a hundred and fifty" with carl
finally a shows "before" "after fifty days" "written at sea" "after a hundred and fifty" with carl
finally c shows "before" "after fifty days" "written at sea" "after a hundred and fifty" with anna
