package check

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// price is the value of a flag: of one SMS, from 0 on. It is written with a point or a comma.
type price float64

var _ pflag.Value = (*price)(nil)

// String returns the price with a point.
func (p *price) String() string { return strconv.FormatFloat(float64(*p), 'g', -1, 64) }

// Type is what help calls the value.
func (p *price) Type() string { return "PRICE" }

// Set reads a price.
func (p *price) Set(words string) error {
	if strings.Count(words, ".")+strings.Count(words, ",") > 1 {
		return errors.New("write it with one decimal sign, such as 0.04 or 0,04")
	}
	value, err := strconv.ParseFloat(strings.Replace(words, ",", ".", 1), 64)
	if err != nil || !(value >= 0) || math.IsInf(value, 1) {
		return errors.New("it is not a number from 0 on, such as 0.04 or 0,04")
	}
	*p = price(value)
	return nil
}
