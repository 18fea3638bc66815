# The chart of one component. charts/component.c sets the variables in capitals and the data blocks
# $lines (one index a series), $marks (ticks, then bars), $dots (at rest) and $faults (letters), then loads
# this file. Lengths are pixels.
W = 1200.0
LEFT = 128; RIGHT = 252
TOP = 138 + 28 * NOTE_COUNT + (NOTE_COUNT > 0 ? 14 : 0)
HEIGHT = 372
FAULT_LINE = 28 * (FAULT_CAPTION ne '')
DOT_LINE = 28 * DOTS
H = TOP + HEIGHT + 130 + FAULT_LINE + DOT_LINE
RUG = 0.062 # a strip below the axis, of the height: what happened to the peers

sx(x) = 1.0 * x / W
sy(y) = 1 - 1.0 * y / H
at(x) = LEFT + (x - X0) / (X1 - X0) * (W - LEFT - RIGHT)

reset
set terminal svg size W, H dynamic noenhanced font 'sans-serif,22' background C_paper
set encoding utf8
set output OUTPUT
set lmargin at screen sx(LEFT)
set rmargin at screen sx(W - RIGHT)
set tmargin at screen sy(TOP)
set bmargin at screen sy(TOP + HEIGHT)
unset key
unset border
set xrange [X0:X1]
set yrange [-RUG * Y_TOP:Y_TOP]
set samples 2
set tics scale 0
set xtics format '%g' textcolor rgb C_quiet
set ytics 0, Y_STEP, Y_TOP format '%g' textcolor rgb C_quiet
set ytics add (sprintf('%g MB', Y_TOP) Y_TOP)
set xtics X_STEP
set grid ytics linetype 1 linecolor rgb C_grid linewidth 1.5 back

set label NAME at screen sx(40), sy(52) font 'sans-serif:Bold,27' textcolor rgb C_ink
set label ANSWER at screen sx(40), sy(95) font 'sans-serif:Bold,33' textcolor rgb ANSWER_COLOUR
do for [i = 1:NOTE_COUNT] {
    set label NOTES[i] at screen sx(40), sy(102 + 28 * i) font ',20' textcolor rgb C_ink
}
set label X_NAME at screen sx((LEFT + W - RIGHT) / 2), sy(TOP + HEIGHT + 62) center textcolor rgb C_quiet
set label CAPTION at screen sx(40), sy(H - 26 - FAULT_LINE - DOT_LINE) font ',20' textcolor rgb C_quiet
set label DOT_CAPTION at screen sx(40), sy(H - 26 - FAULT_LINE) font ',20' textcolor rgb C_quiet
set label FAULT_CAPTION at screen sx(40), sy(H - 26) font ',20' textcolor rgb C_quiet

if (CAP > 0 && CAP_IN_VIEW) {
    set arrow from X0, CAP to X1, CAP nohead linecolor rgb C_cap linewidth 2.5 dashtype (10, 7) front
    set arrow from first LABEL_X, CAP to screen sx(at(LABEL_X) + 34), first LABEL_Y_cap nohead linecolor rgb C_cap linewidth 1.2
    set label LABEL_cap at screen sx(at(LABEL_X) + 40), first LABEL_Y_cap font 'sans-serif:Bold,22' textcolor rgb C_fail
}
if (CAP > 0 && !CAP_IN_VIEW) {
    set label '↑ '.LABEL_cap.', above the chart' at screen sx(W - RIGHT), sy(TOP - 18) right font ',20' textcolor rgb C_quiet
}

if (LOST) {
    set arrow from LOST_AT, 0 to LOST_AT, Y_TOP nohead linecolor rgb C_fail linewidth 2.5 dashtype (6, 6) front
}

# Each line is named at its end; a thin leader joins the two where labels had to move apart.
do for [name in SERIES] {
    bold = name eq 'live'
    set arrow from first value('X_'.name), value('Y_'.name) to screen sx(at(LABEL_X) + 34), first value('LABEL_Y_'.name) nohead linecolor rgb value('C_'.name) linewidth 1.2
    set label value('LABEL_'.name) at screen sx(at(LABEL_X) + 40), first value('LABEL_Y_'.name) font (bold ? 'sans-serif:Bold,22' : ',22') textcolor rgb (bold ? C_live : C_quiet)
}

width(name) = name eq 'live' ? 4.5 : name eq 'data' ? 2 : 2.2
dash(name) = name eq 'data' ? 3 : 1
count = words(SERIES)
if (count == 0) { set label 'no samples' at graph 0.5, 0.5 center textcolor rgb C_quiet }
plot for [i = 1:count] $lines index i - 1 using 1:2 with lines linecolor rgb value('C_'.word(SERIES, i)) linewidth width(word(SERIES, i)) dashtype dash(word(SERIES, i)), \
     for [i = 0:MARKS - 1] $marks index 1 using 1:(-RUG * Y_TOP * 0.72):2:(0) with vectors nohead linecolor rgb C_data linewidth 7, \
     for [i = 0:MARKS - 1] $marks index 0 using 1:(-RUG * Y_TOP * 0.98):(0):(RUG * Y_TOP * 0.9) with vectors nohead linecolor rgb C_ink linewidth 2, \
     for [i = 0:DOTS - 1] $dots using 1:2:((X1 - X0) / (W - LEFT - RIGHT) * 5) with circles fillstyle solid noborder fillcolor rgb C_ink, \
     for [i = 0:FAULTS - 1] $faults using 1:(-RUG * Y_TOP * 0.5):2 with labels font 'sans-serif:Bold,20' textcolor rgb C_fail, \
     0 with lines linecolor rgb C_quiet linewidth 1.5
unset output
