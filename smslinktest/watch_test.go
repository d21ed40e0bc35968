package smslinktest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/smslinktest"
)

func TestMessagesFrom_isAPart(t *testing.T) {
	gateway := newGateway(t, nil)
	send(t, gateway, packageOf(t, nil, 0, 1, 2, 3))
	send(t, gateway, packageOf(t, nil, 4))
	for _, c := range []struct{ n, limit, first, count int }{
		{0, 9, 0, 5}, {0, 2, 0, 2}, {3, 2, 3, 2}, {4, 2, 4, 1}, {5, 2, 0, 0}, {99, 2, 0, 0}, {-1, 1, 0, 1}, {2, 0, 0, 0}, {2, -1, 0, 0},
	} {
		got := gateway.MessagesFrom(c.n, c.limit)
		require.Len(t, got, c.count, "%+v", c)
		if c.count > 0 {
			require.EqualValues(t, c.first, got[0].ID, "%+v", c)
		}
	}
	require.Len(t, gateway.UploadsFrom(0, 9), 2)
	require.Equal(t, gateway.Uploads()[1], gateway.UploadsFrom(1, 9)[0])

	gateway.MessagesFrom(0, 1)[0].Text = "changed"
	require.NotEqual(t, "changed", gateway.Messages()[0].Text)
}

func TestChanged_tellsOfEveryChange(t *testing.T) {
	gateway := newGateway(t, nil)
	for _, c := range []struct {
		name   string
		change func()
	}{
		{"a package", func() { send(t, gateway, packageOf(t, nil, 1)) }},
		{"a delivery", func() { require.NoError(t, gateway.Deliver(t.Context(), "220000001", true)) }},
		{"credit", func() { gateway.SetCredit(5) }},
		{"a fault to come", func() { gateway.Inject(smslinktest.Refuse("8", "no credit")) }},
		{"a fault met", func() { _, _ = gateway.Client().Send(context.Background(), packageOf(t, nil, 2)) }},
		{"a reset", func() { gateway.Reset() }},
	} {
		changed := gateway.Changed()
		select {
		case <-changed:
			t.Fatal("changed before ", c.name)
		default:
		}
		c.change()
		select {
		case <-changed:
		default:
			t.Fatal("not told of ", c.name)
		}
	}
}
