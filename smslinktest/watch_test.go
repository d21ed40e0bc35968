package smslinktest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/smslinktest"
)

func TestInspect_showsTheLedgerAndTheFaultsToCome(t *testing.T) {
	gateway := newGateway(t, nil)
	send(t, gateway, packageOf(t, nil, 0, 1))
	gateway.Inject(smslinktest.Reject("8", "no credit"))
	calls := 0
	gateway.Inspect(func(s smslinktest.Snapshot) {
		calls++
		require.Len(t, s.Messages, 2)
		require.EqualValues(t, 1, s.Messages[1].ID)
		require.Len(t, s.Uploads, 1)
		require.Equal(t, "1001", s.Uploads[0].PackageID)
		require.Len(t, s.Faults, 1)
		require.Equal(t, "reject 8 no credit", s.Faults[0].Name)
	})
	require.Equal(t, 1, calls)
}

func TestInspect_changedIsClosedByEveryChange(t *testing.T) {
	gateway := newGateway(t, nil)
	for _, c := range []struct {
		name   string
		change func()
	}{
		{"a package", func() { send(t, gateway, packageOf(t, nil, 1)) }},
		{"a delivery", func() { require.NoError(t, gateway.Deliver(t.Context(), "220000001", true)) }},
		{"credit", func() { gateway.SetCredit(5) }},
		{"a fault to come", func() { gateway.Inject(smslinktest.Reject("8", "no credit")) }},
		{"a fault met", func() { _, _ = gateway.Client().Send(context.Background(), packageOf(t, nil, 2)) }},
		{"a reset", func() { gateway.Reset() }},
	} {
		var changed <-chan struct{}
		gateway.Inspect(func(s smslinktest.Snapshot) { changed = s.Changed })
		select {
		case <-changed:
			t.Fatal("changed before ", c.name)
		default:
		}
		c.change()
		select {
		case <-changed:
		default:
			t.Fatal("no notice of ", c.name)
		}
	}
}
