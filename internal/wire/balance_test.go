package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/wire"
)

func TestParseBalance(t *testing.T) {
	for body, want := range map[string]wire.Balance{
		"MESSAGE;4;account balance;100,200,1700000000": {National: 100, International: 200, At: 1_700_000_000},
		"MESSAGE;4;account balance;100,200":            {National: 100, International: 200},
		"MESSAGE;4;x; 100 ,\t200 , 1700000000 \r\n":    {National: 100, International: 200, At: 1_700_000_000},
		"MESSAGE;4;x;100,200,1700000000,7,8;more":      {National: 100, International: 200, At: 1_700_000_000},
		"MESSAGE;9;x;0,0":                              {},
		"MESSAGE;4;x;-5,9223372036854775807":           {National: -5, International: 1<<63 - 1},
		"MESSAGE;4;x;1,2,":                             {National: 1, International: 2},
		"MESSAGE;4;x;1,2,today":                        {National: 1, International: 2},
		"MESSAGE;4;x;1,2,-1":                           {National: 1, International: 2},
		"MESSAGE;4;x;1,2,3":                            {National: 1, International: 2},
		"MESSAGE;4;x;1,2,01700000000":                  {National: 1, International: 2},
		"MESSAGE;4;x;1,2,1700000000000":                {National: 1, International: 2},
		"MESSAGE;4;x;1,2,946684799":                    {National: 1, International: 2},
		"MESSAGE;4;x;1,2,946684800":                    {National: 1, International: 2, At: 946_684_800},
		"MESSAGE;4;x;1,2,253402300799":                 {National: 1, International: 2, At: 253_402_300_799},
		"MESSAGE;4;x;1,2,253402300800":                 {National: 1, International: 2},
	} {
		reply, ok := wire.ParseReply(body)
		require.True(t, ok)
		got, ok := wire.ParseBalance(reply)
		require.True(t, ok, body)
		require.Equal(t, want, got, body)
	}
	require.Equal(t, "MESSAGE;4;account balance;1,-2", string(wire.AppendBalance(nil, wire.Balance{National: 1, International: -2})))
	require.Equal(t, "MESSAGE;4;account balance;1,2,3", string(wire.AppendBalance(nil, wire.Balance{National: 1, International: 2, At: 3})))
}

func TestParseBalance_unreadable(t *testing.T) {
	for _, body := range []string{
		"ERROR;4;1,2", "ERROR;4;x;1,2", "MESSAGE;4;1,2", "MESSAGE;4;x", "MESSAGE;4;x;", "MESSAGE;4;x;100", "MESSAGE;4;x;,", "MESSAGE;4;x;100;200",
		"MESSAGE;4;x;1.5,2", "MESSAGE;4;x;1,2.0", "MESSAGE;4;x;1e3,2", "MESSAGE;4;x;1,two", "MESSAGE;4;x;1 000,2", "MESSAGE;4;x;9223372036854775808,2", "MESSAGE;4;x;0x1,2",
		"MESSAGE;4;x;007,2", "MESSAGE;4;x;1,034", "MESSAGE;4;x;00,2", "MESSAGE;4;x;-01,2", "MESSAGE;4;x;-0,2", "MESSAGE;4;x;+1,2",
		"MESSAGE;1;ok;1,2;1:220000001:3", "MESSAGE;1;ok;1,2,1700000000;x, 1:a:3 ,", "MESSAGE;1;ok;77;1:a:3,2:b:3", "MESSAGE;1;ok;1:a:3,2:b:3",
	} {
		reply, ok := wire.ParseReply(body)
		require.True(t, ok)
		_, ok = wire.ParseBalance(reply)
		require.False(t, ok, body)
	}
}

func FuzzBalance(f *testing.F) {
	f.Add("MESSAGE;4;account balance;100,200,1700000000")
	f.Add("MESSAGE;4;;-1 ,2,x,y;z")
	f.Fuzz(func(t *testing.T, body string) {
		reply, ok := wire.ParseReply(body)
		if !ok {
			return
		}
		balance, ok := wire.ParseBalance(reply)
		if !ok {
			require.Zero(t, balance)
			return
		}
		again, ok := wire.ParseReply(string(wire.AppendBalance(nil, balance)))
		require.True(t, ok)
		back, ok := wire.ParseBalance(again)
		require.True(t, ok)
		require.Equal(t, balance, back)
	})
}
