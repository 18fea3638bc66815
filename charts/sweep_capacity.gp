# The sheet of a capacity run, once as SVG and once as PDF (PDF = 1). charts/sweep_capacity.c sets the
# variables in capitals, the arrays and the data block $ways (two indices a panel, up and down), then loads this file. Lengths
# are pixels.
W = 1800.0
EDGE = 50; LEFT = 130; GAP = 190
HEAD = 150; PANEL_HEAD = 104
PLOT = 330; BELOW = 96
PANEL = (W - EDGE - LEFT - GAP) / 2
ROW = PANEL_HEAD + PLOT + BELOW
H = HEAD + 2 * ROW + 20

sx(x) = 1.0 * x / W
sy(y) = 1 - 1.0 * y / H

reset
if (PDF) {
    set terminal pdfcairo size W / 96, H / 96 noenhanced font 'sans,20' background rgb C_paper
} else {
    set terminal svg size W, H dynamic noenhanced font 'sans-serif,22' background C_paper
}
FACE = PDF ? 'sans' : 'sans-serif'
SHRINK = PDF ? 20 / 22.0 : 1
size(pixels) = sprintf(',%g', SHRINK * pixels)
bold(pixels) = sprintf('%s:Bold,%g', FACE, SHRINK * pixels)
set encoding utf8
set output OUTPUT
unset key
unset border
set samples 2
set tics scale 0
set multiplot
set xrange [0:X_TOP]

do for [i = 1:4] {
    row = (i - 1) / 2
    left = LEFT + ((i - 1) % 2) * (PANEL + GAP)
    top = HEAD + row * ROW + PANEL_HEAD
    unset label
    unset logscale y
    unset ytics
    # A little more, so that numbers at both ends are inside.
    set yrange [LOW[i] * 0.999:HIGH[i] * 1.001]
    if (LOG[i]) {
        set logscale y 10
        set ytics ('1 µs' 1, '10 µs' 10, '100 µs' 100, '1 ms' 1e3, '10 ms' 1e4, '100 ms' 1e5, '1 s' 1e6, '10 s' 1e7) scale 0 nomirror textcolor rgb C_quiet
    } else {
        set ytics 0, STEP[i], HIGH[i] scale 0 nomirror format '%g' textcolor rgb C_quiet
        set ytics add (sprintf('%g %s', HIGH[i], UNITS[i]) HIGH[i])
    }
    set xtics 0, X_STEP scale 0 nomirror format '%g' textcolor rgb C_quiet
    set grid ytics linetype 1 linecolor rgb C_grid linewidth 1.5 back
    if (i == 1) {
        set label TITLE at screen sx(EDGE), sy(56) font bold(36) textcolor rgb C_ink
        set label SUBTITLE at screen sx(EDGE), sy(104) font size(24) textcolor rgb C_quiet
        set label '━ up' at screen sx(W - EDGE), sy(56) right font bold(26) textcolor rgb C_live
        set label '━ and back down' at screen sx(W - EDGE), sy(96) right font bold(26) textcolor rgb C_cap
    }
    set label TITLES[i] at screen sx(left - LEFT + EDGE), sy(top - 74) font bold(27) textcolor rgb C_ink
    set label TEXTS[i] at screen sx(left - LEFT + EDGE), sy(top - 36) font size(22) textcolor rgb C_quiet
    set label X_NAME at screen sx(left + PANEL / 2), sy(top + PLOT + 66) center textcolor rgb C_quiet
    set lmargin at screen sx(left)
    set rmargin at screen sx(left + PANEL)
    set tmargin at screen sy(top)
    set bmargin at screen sy(top + PLOT)
    # Memory lies the way back on the way up if nothing was left: both are to be seen.
    plot $ways index 2 * i - 1 using 1:3:(0):($4 - $3) with vectors nohead linecolor rgb C_cap linewidth 1, \
         $ways index 2 * i - 2 using 1:3:(0):($4 - $3) with vectors nohead linecolor rgb C_live linewidth 1, \
         $ways index 2 * i - 2 using 1:2 with lines linecolor rgb C_live linewidth (LOG[i] ? 3 : 9), \
         $ways index 2 * i - 1 using 1:2 with lines linecolor rgb C_cap linewidth 3
}
unset multiplot
unset output
