# What ours costs as a part of what others cost. tests/bench/speed_chart.py sets the variables in capitals and the
# data blocks $ratios, $goals (an index for each of SUBJECTS: row, ratio) and $names (row, title, what
# ours costs, what it is to cost at most), then loads
# this file. Lengths are pixels; rows go down.
W = 1200.0
LEFT = 560; RIGHT = 60
TOP = 190
PITCH = 46
H = TOP + PITCH * ROWS + 110

sx(x) = 1.0 * x / W
sy(y) = 1 - 1.0 * y / H

reset
set terminal svg size W, H dynamic rounded noenhanced font 'sans-serif,20' background C_paper
set encoding utf8
set output OUTPUT
set lmargin at screen sx(LEFT)
set rmargin at screen sx(W - RIGHT)
set tmargin at screen sy(TOP)
set bmargin at screen sy(TOP + PITCH * ROWS)
unset key
unset border
set logscale x
set xrange [LOW:HIGH]
set yrange [ROWS:0]
set tics scale 0
unset ytics
eval "set xtics (".TICKS.") textcolor rgb C_quiet"
set grid xtics linetype 1 linecolor rgb C_grid linewidth 1.5 back

set label 'What does ours cost beside others?' at screen sx(40), sy(52) font 'sans-serif:Bold,27' textcolor rgb C_ink
set label ANSWER at screen sx(40), sy(95) font 'sans-serif:Bold,30' textcolor rgb ANSWER_COLOUR
set label 'ours' at screen sx(LEFT - 100), sy(TOP - 16) right font ',18' textcolor rgb C_quiet
set label 'goal' at screen sx(LEFT - 12), sy(TOP - 16) right font ',18' textcolor rgb C_quiet
set label 'ours as a part of' at screen sx(LEFT), sy(TOP - 48) font ',18' textcolor rgb C_quiet
do for [i = 1:SUBJECTS] {
    set label word(SUBJECT_NAMES, i) at screen sx(LEFT + 160 + 105 * (i - 1)), sy(TOP - 48) font 'sans-serif:Bold,18' textcolor rgb word(SUBJECT_COLOURS, i)
}
set label 'a bar is the goal: dots are to lie left of theirs' at screen sx(LEFT), sy(TOP - 16) font ',18' textcolor rgb C_quiet
set label CAPTION at screen sx(40), sy(H - 26) font ',18' textcolor rgb C_quiet
set arrow from first 1, graph 0 to first 1, graph 1 nohead linecolor rgb C_quiet linewidth 2

do for [i = 1:ROWS] {
    set label word(TITLES, i) at screen sx(40), first i - 0.5 textcolor rgb C_ink
    set label word(OURS, i) at screen sx(LEFT - 100), first i - 0.5 right textcolor rgb C_live
    set label word(LIMITS, i) at screen sx(LEFT - 12), first i - 0.5 right font ',18' textcolor rgb C_quiet
}
plot for [i = 1:SUBJECTS] $goals index i - 1 using 2:($1 - 0.32):(0):(0.64) with vectors nohead linecolor rgb word(SUBJECT_COLOURS, i) linewidth 5, \
     for [i = 1:SUBJECTS] $ratios index i - 1 using 2:1 with points pointtype 7 pointsize 1.4 linecolor rgb word(SUBJECT_COLOURS, i)
unset output
