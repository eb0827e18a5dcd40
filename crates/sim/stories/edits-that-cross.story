# Changes made apart: the later edit counts, a retraction is final, each person has one reaction.
device a of anna
device a2 of anna
device b of ben
friends anna ben

1h   a says "lunch at noon" to ben
1h   a says "bring bread" to ben
2h   a2 shows "lunch at noon" "bring bread" with ben
2h   b shows "lunch at noon" "bring bread" with anna
3h   a leaves for 1d
4h   a edits "lunch at noon" to "lunch at one" for ben
5h   a2 edits "lunch at noon" to "lunch at two" for ben
5h   a2 retracts "bring bread" for ben
6h   a edits "bring bread" to "bring wine" for ben
7h   b reacts "👍" to "lunch at two" for anna
8h   b reacts "🎉" to "lunch at two" for anna
2d   a shows "lunch at two 🎉" "(retracted)" with ben
2d   a2 shows "lunch at two 🎉" "(retracted)" with ben
2d   b shows "lunch at two 🎉" "(retracted)" with anna
