# How late events are, how evenly, and how many never come: a row for each role. The variables are those
# of sweep_throughput.gp. Lengths are pixels.
W = 1500.0
EDGE = 40; GAP = 96
TOP = 268; LEFT = 130
PANEL = (W - LEFT - EDGE - 2 * GAP) / 3
HEIGHT = 190; ROW_GAP = 76
H = TOP + 3 * HEIGHT + 2 * ROW_GAP + 130

sx(x) = 1.0 * x / W
sy(y) = 1 - 1.0 * y / H

COLOURS = 'live cap active mapped resident quiet data'
colour(i) = value('C_'.word(COLOURS, (i - 1) % words(COLOURS) + 1))
dash(i) = (i - 1) / words(COLOURS) + 1

reset
array HEADS[3] = ['mean, ms', 'standard deviation, ms', 'missing events, all runs']
array ROWS[3] = ['from sent to acknowledged', 'from sent to the broker', 'from sent to a subscriber']
set terminal svg size W, H dynamic rounded noenhanced font 'sans-serif,20' background C_paper
set encoding utf8
set output OUTPUT
unset key
unset border
set tics scale 0
set multiplot
set logscale x
set xrange [X_LOW:X_HIGH]
set grid ytics linetype 1 linecolor rgb C_grid linewidth 1.5 back

do for [row = 0:2] {
    do for [col = 0:2] {
        unset label
        left = LEFT + col * (PANEL + GAP)
        top = TOP + row * (HEIGHT + ROW_GAP)
        if (row == 0 && col == 0) {
            set label 'How late are events, how evenly, and do all arrive?' at screen sx(EDGE), sy(52) font 'sans-serif:Bold,27' textcolor rgb C_ink
            set label MISSING_ANSWER at screen sx(EDGE), sy(95) font 'sans-serif:Bold,33' textcolor rgb MISSING_COLOUR
            set label 'added latency:' at screen sx(EDGE), sy(150) textcolor rgb C_quiet
            do for [i = 1:LINES] { set label NAMES[i] at screen sx(EDGE + 160 + (i - 1) % 12 * 100), sy(150 + (i - 1) / 12 * 26) font 'sans-serif:Bold,20' textcolor rgb colour(i) }
            set label CAPTION at screen sx(EDGE), sy(H - 26) font ',20' textcolor rgb C_quiet
        }
        if (row == 0) { set label HEADS[col + 1] at screen sx(left), sy(TOP - 62) font 'sans-serif:Bold,22' textcolor rgb C_ink }
        if (col == 0) {
            set label ROWS[row + 1] at screen sx(left), sy(top - 24) font ',20' textcolor rgb C_ink
        }
        if (row == 2) { set label 'clients' at screen sx(left + PANEL / 2), sy(top + HEIGHT + 58) center textcolor rgb C_quiet }
        set lmargin at screen sx(left)
        set rmargin at screen sx(left + PANEL)
        set tmargin at screen sy(top)
        set bmargin at screen sy(top + HEIGHT)
        if (TICKS eq '') { set xtics scale 0 textcolor rgb C_quiet } else { eval "set xtics (".TICKS.") scale 0 textcolor rgb C_quiet" }
        if (row < 2) { set format x ''; unset xtics } else { set format x '%g' }
        if (col == 2) {
            unset logscale y
            set yrange [0:MISSING_TOP]
            set ytics 0, MISSING_STEP, MISSING_TOP format '%g' textcolor rgb C_quiet
        } else {
            set logscale y 10
            set ytics autofreq format '%g' textcolor rgb C_quiet
            if (col == 0) { set yrange [MEAN_LOW:MEAN_HIGH] } else { set yrange [STD_LOW:STD_HIGH] }
        }
        plot for [i = 1:LINES] $cells index i - 1 using 1:(column(5 + 6 * row + col)) with lines linecolor rgb colour(i) linewidth 3 dashtype dash(i), \
             for [i = 1:LINES] $cells index i - 1 using 1:(column(5 + 6 * row + col)):(0.003 * $1):(0) with vectors nohead linecolor rgb colour(i) linewidth 9
    }
}
unset multiplot
unset output
