# The summary sheet. charts/summary.c sets the variables in capitals, the arrays NAMES, PLACES,
# ANSWERS, COLOURS, IN_ROW, IN_COLUMN and LOWEST (of its column) and the data block $lines (one index a panel), then loads this file. Lengths are pixels.
W = 2400.0
EDGE = 60; GAP = 60       # around the sheet; between panels
HEAD = 110; TITLE = 132    # above all panels; above each
PLOT = 200; GAP_BELOW = 40 # the height of a plot; between rows
FOOT = 60                 # the numbers below the last row
TICKS = 76                # the numbers left of the first column
PANEL = (W - 2 * EDGE - TICKS - (COLUMNS - 1) * GAP) / COLUMNS
ROW = TITLE + PLOT + GAP_BELOW
H = HEAD + ROWS * ROW - GAP_BELOW + FOOT + EDGE

sx(x) = 1.0 * x / W
sy(y) = 1 - 1.0 * y / H

reset
set terminal svg size W, H dynamic noenhanced font 'sans-serif,24' background C_paper
set encoding utf8
set output OUTPUT
unset key
unset border
set samples 2
set tics scale 0
set multiplot
set xrange [X0:X1]
set yrange [0:Y_TOP]
set grid ytics linetype 1 linecolor rgb C_grid linewidth 2 back
set ytics 0, Y_STEP, Y_TOP textcolor rgb C_quiet

do for [i = 1:COUNT] {
    row = IN_ROW[i]
    column = IN_COLUMN[i]
    left = EDGE + TICKS + column * (PANEL + GAP)
    top = HEAD + row * ROW + TITLE
    unset label
    # Axes are shared: only the first column and the last panel of each column bear numbers.
    set format y (column == 0 ? '%g' : '')
    if (LOWEST[i]) { set xtics X_STEP scale 0 textcolor rgb C_quiet } else { unset xtics }
    if (i == 1) {
        set label 'Live bytes, MB, against '.X_NAME.'; all on the same axes'.(ALL > COUNT ? sprintf('; the first %d of %d', COUNT, ALL) : '') at screen sx(EDGE), sy(EDGE + 16) font 'sans-serif:Bold,36' textcolor rgb C_ink
    }
    set label NAMES[i] at screen sx(left), sy(top - 104) font 'sans-serif:Bold,27' textcolor rgb C_ink
    set label PLACES[i] at screen sx(left), sy(top - 70) font ',23' textcolor rgb C_quiet
    set label ANSWERS[i] at screen sx(left), sy(top - 30) font 'sans-serif:Bold,25' textcolor rgb COLOURS[i]
    set lmargin at screen sx(left)
    set rmargin at screen sx(left + PANEL)
    set tmargin at screen sy(top)
    set bmargin at screen sy(top + PLOT)
    plot 0 with lines linecolor rgb C_quiet linewidth 2, \
         $lines index i - 1 using 1:2 with lines linecolor rgb C_live linewidth 4.5
}
unset multiplot
unset output
