package xlsx_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/xlsx"
)

func TestWriter_refusesMoreRowsThanASheetHas(t *testing.T) {
	w, err := xlsx.NewWriter(io.Discard, "")
	require.NoError(t, err)
	row := func() error { return w.Row(nil, func(int) bool { return false }) }
	for range 1 << 20 {
		if err := row(); err != nil {
			require.NoError(t, err)
		}
	}
	require.ErrorContains(t, row(), "more rows")
}
