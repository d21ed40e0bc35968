package campaignjournal

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Every number is new once, on both sides of the Romanian mobile numbers.
func TestNumberSet(t *testing.T) {
	var s numberSet
	numbers := []uint64{
		0, 40_699_999_999, 40_700_000_000, 40_700_000_001, 40_700_000_063, 40_700_000_064,
		40_799_999_999, 40_800_000_000, 49_151_123_456, 999_999_999_999_999,
	}
	for _, number := range numbers {
		require.True(t, s.add(number), number)
	}
	for _, number := range numbers {
		require.False(t, s.add(number), number)
	}
	require.True(t, s.add(40_700_000_002))
}
