// Package money reads the price of an SMS and computes what a number of them costs.
package money

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink/cmd/internal/cli"
)

// Price is the price of one SMS. The zero value means no price.
type Price struct {
	value float64
	text  string // as it was given; empty if it was not
}

// AddTo adds the flag --price to a command.
func (p *Price) AddTo(cmd *cobra.Command) {
	cmd.Flags().Var(&cli.Value{Kind: "PRICE", Read: p.read}, "price",
		"price of one SMS, such as 0.04 or 0,04, in any currency")
}

// read parses a price with a point or a comma.
func (p *Price) read(text string) error {
	if strings.Count(text, ".")+strings.Count(text, ",") > 1 {
		return errors.New("write it with one decimal sign, such as 0.04 or 0,04")
	}
	value, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
	if err != nil || !(value >= 0) || math.IsInf(value, 1) {
		return errors.New("it is not a number of at least 0, such as 0.04 or 0,04")
	}
	*p = Price{value, text}
	return nil
}

// SMS returns a number of SMS and, if there is a price, what they cost: 342 SMS × 0,04 = 13,68.
func (p *Price) SMS(n int) string {
	if p.text == "" {
		return fmt.Sprintf("%d SMS", n)
	}
	return fmt.Sprintf("%d SMS × %s = %s", n, p.text, p.Cost(n))
}

// Cost returns what a number of SMS costs, with the decimal sign of the price, or "" if there is no
// price.
func (p *Price) Cost(n int) string {
	if p.text == "" {
		return ""
	}
	cost := p.cents(n)
	if strings.Contains(p.text, ",") {
		cost = strings.Replace(cost, ".", ",", 1)
	}
	return cost
}

// Amount returns what a number of SMS costs, rounded as by Cost, or 0 if there is no price.
func (p *Price) Amount(n int) float64 {
	amount, _ := strconv.ParseFloat(p.cents(n), 64)
	return amount
}

func (p *Price) cents(n int) string { return strconv.FormatFloat(p.value*float64(n), 'f', 2, 64) }
