package main

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dsnet/compress/bzip2"
	"github.com/klauspost/compress/zlib"

	"github.com/go-smslink/smslink"
)

// plainGo is what a Go program does without smslink, written in an afternoon: it checks nothing,
// and takes what the standard library and the usual packages have.
func plainGo(codec, endpoint string, messages []smslink.Message) error {
	notDigits := regexp.MustCompile(`[^0-9]`)
	escape := strings.NewReplacer("\r\n", "%0A", "\n", "%0A", ";", "%3B", "\t", "", "\r", "")
	var lines []string
	for _, m := range messages {
		to := notDigits.ReplaceAllString(strings.ReplaceAll(m.To, "+", "00"), "")
		lines = append(lines, fmt.Sprintf("%d;%s;numeric;%s;0", m.ID, to, escape.Replace(strings.TrimSpace(m.Text))))
	}
	plain := []byte(strings.Join(lines, "\r\n"))

	method, packed, err := plainPack(codec, plain)
	if err != nil {
		return err
	}
	sumPlain, sumPacked := md5.Sum(plain), md5.Sum(packed)
	now := strconv.FormatInt(time.Now().Unix(), 10)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, field := range [][2]string{
		{"connection_id", "connection"}, {"password", "password"}, {"test", "0"}, {"Compression", method},
		{"MD5Plain", hex.EncodeToString(sumPlain[:])}, {"MD5Compressed", hex.EncodeToString(sumPacked[:])},
		{"SizePlain", strconv.Itoa(len(plain))}, {"SizeCompressed", strconv.Itoa(len(packed))},
		{"Timestamp", now}, {"Buffering", "1"}, {"Version", "2.1"}, {"Receivers", strconv.Itoa(len(messages))},
	} {
		if err := form.WriteField(field[0], field[1]); err != nil {
			return err
		}
	}
	file, err := form.CreateFormFile("Package", "package")
	if err != nil {
		return err
	}
	if _, err := file.Write(packed); err != nil {
		return err
	}
	if err := form.Close(); err != nil {
		return err
	}

	resp, err := http.Post(endpoint+"?timestamp="+now, form.FormDataContentType(), &body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return plainResults(string(reply), len(messages))
}

func plainPack(codec string, plain []byte) (method string, packed []byte, err error) {
	var buf bytes.Buffer
	var w io.WriteCloser
	switch codec {
	case "none":
		return "0", plain, nil
	case "zlib":
		method, w = "1", zlib.NewWriter(&buf)
	case "bzip2":
		method = "2"
		if w, err = bzip2.NewWriter(&buf, &bzip2.WriterConfig{Level: bzip2.BestCompression}); err != nil {
			return "", nil, err
		}
	default:
		return "", nil, fmt.Errorf("plain Go has no codec %q", codec)
	}
	if _, err := w.Write(plain); err != nil {
		return "", nil, err
	}
	if err := w.Close(); err != nil {
		return "", nil, err
	}
	return method, buf.Bytes(), nil
}

// plainResults makes a map of the reply's entries, and checks that all messages were accepted.
func plainResults(reply string, messages int) error {
	type result struct {
		remoteID string
		status   int
	}
	fields := strings.Split(reply, ";")
	if len(fields) < 5 || fields[0] != "MESSAGE" {
		return errors.New("the package was not accepted")
	}
	results := map[string]result{}
	for _, entry := range strings.Split(fields[4], ",") {
		parts := strings.Split(entry, ":")
		status, err := strconv.Atoi(parts[2])
		if err != nil {
			return err
		}
		results[parts[0]] = result{parts[1], status}
	}
	accepted := 0
	for _, r := range results {
		if r.status == int(smslink.StatusSuccess) {
			accepted++
		}
	}
	if accepted != messages {
		return errNotAll
	}
	return nil
}
