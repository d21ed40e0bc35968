package smslinktest

import "time"

// EndStallsAfter is called before the gateway is asked anything.
func (g *Gateway) EndStallsAfter(d time.Duration) { g.stall = d }
