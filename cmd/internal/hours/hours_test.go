package hours_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/hours"
)

func TestRange_refusesOtherForms(t *testing.T) {
	for _, bad := range []string{
		"8-22", "8:00-22:00", "08:00", "08:00-22:300", "08:00-22:00 ", "08:00–22:00",
		"08:00-25:00", "08:00-24:01", "08:60-22:00", "aa:00-22:00", "08:00-08:00",
	} {
		require.Error(t, new(hours.Range).Set(bad), bad)
	}
}
