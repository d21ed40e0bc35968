package main

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// drawHeap draws the heap in use of each side's last run against the messages sent.
func drawHeap(path string, results map[string][]run) error {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = "messages", "MB of heap in use"
	p.Y.Min, p.Legend.Top = 0, true
	p.Add(plotter.NewGrid())
	colors := []color.Color{color.RGBA{160, 160, 160, 255}, color.RGBA{40, 110, 200, 255}, color.RGBA{210, 80, 40, 255}, color.RGBA{60, 150, 90, 255}, color.RGBA{130, 80, 170, 255}}
	for i, side := range sides {
		runs := results[side]
		var points plotter.XYs
		for n, mb := range runs[len(runs)-1].heap {
			points = append(points, plotter.XY{X: float64((n + 1) * 10 * perPackage), Y: mb})
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = colors[i], vg.Points(1.5)
		p.Add(line)
		p.Legend.Add(side, line)
	}
	p.Y.Max = 40
	return p.Save(16*vg.Centimeter, 9*vg.Centimeter, path)
}
