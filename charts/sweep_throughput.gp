# Events a second against clients. charts/sweep_throughput.c sets the variables in capitals and the data
# block $cells (one index a latency), then loads this file. Lengths are pixels.
W = 1200.0
LEFT = 128; RIGHT = 150
TOP = 150
HEIGHT = 470
H = TOP + HEIGHT + 130

sx(x) = 1.0 * x / W
sy(y) = 1 - 1.0 * y / H
at(x) = LEFT + log(x / X_LOW) / log(X_HIGH / X_LOW) * (W - LEFT - RIGHT)

COLOURS = 'live cap active mapped resident quiet data'
colour(i) = value('C_'.word(COLOURS, (i - 1) % words(COLOURS) + 1))
dash(i) = (i - 1) / words(COLOURS) + 1

reset
set terminal svg size W, H dynamic rounded noenhanced font 'sans-serif,22' background C_paper
set encoding utf8
set output OUTPUT
set lmargin at screen sx(LEFT)
set rmargin at screen sx(W - RIGHT)
set tmargin at screen sy(TOP)
set bmargin at screen sy(TOP + HEIGHT)
unset key
unset border
set logscale x
set logscale y 10
set xrange [X_LOW:X_HIGH]
set yrange [RATE_LOW:RATE_HIGH]
set tics scale 0
if (TICKS eq '') { set xtics textcolor rgb C_quiet } else { eval "set xtics (".TICKS.") textcolor rgb C_quiet" }
set ytics format '%.0f' textcolor rgb C_quiet
if (RATE_LOW < 1) { set ytics format '%g' }
set grid ytics linetype 1 linecolor rgb C_grid linewidth 1.5 back

set label 'How many events a second get from authors to subscribers?' at screen sx(40), sy(52) font 'sans-serif:Bold,27' textcolor rgb C_ink
set label RATE_ANSWER at screen sx(40), sy(95) font 'sans-serif:Bold,33' textcolor rgb C_live
set label 'clients' at screen sx((LEFT + W - RIGHT) / 2), sy(TOP + HEIGHT + 62) center textcolor rgb C_quiet
set label CAPTION.'; band: slowest to fastest' at screen sx(40), sy(H - 26) font ',20' textcolor rgb C_quiet

# Each line is named at its end; a thin leader joins the two where labels had to move apart.
do for [i = 1:LINES] {
    set arrow from first X_HIGH / 1.15, ENDS[i] to screen sx(W - RIGHT + 20), first PLACES[i] nohead linecolor rgb colour(i) linewidth 1.2
    set label NAMES[i] at screen sx(W - RIGHT + 26), first PLACES[i] font 'sans-serif:Bold,22' textcolor rgb colour(i)
}

plot for [i = 1:LINES] $cells index i - 1 using 1:15:16 with filledcurves fillstyle transparent solid 0.22 noborder fillcolor rgb colour(i), \
     for [i = 1:LINES] $cells index i - 1 using 1:14 with lines linecolor rgb colour(i) linewidth 3.5 dashtype dash(i), \
     for [i = 1:LINES] $cells index i - 1 using 1:14:(0.003 * $1):(0) with vectors nohead linecolor rgb colour(i) linewidth 11
unset output
