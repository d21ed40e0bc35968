<?php
// A sender in PHP: php sender.php URL CONNECTION_ID PASSWORD COMPRESSION < messages.json
// It encodes, compresses and uploads with PHP's own functions and curl, and prints the
// reply.
require __DIR__ . '/lzf.php';

[, $url, $id, $password, $compression] = $argv;
$lines = [];
foreach (json_decode(stream_get_contents(STDIN), true, flags: JSON_THROW_ON_ERROR) as $m) {
    $text = str_replace("\r\n", "\n", trim($m['Text']));
    $text = str_replace(["\n", ';', "\t", "\r"], ['%0A', '%3B', '', ''], $text);
    $to = preg_replace('/[^0-9]/', '', str_replace('+', '00', $m['To']));
    $lines[] = implode(';', [$m['ID'], $to, $m['From'], $text, $m['At']]);
}
$plain = implode("\r\n", $lines);
$packed = match ((int) $compression) {
    0 => $plain,
    1 => gzcompress($plain, 9),
    2 => bzcompress($plain, 9),
    3 => lzf_pack($plain),
};
$now = time();
$curl = curl_init("$url?timestamp=$now");
curl_setopt_array($curl, [
    CURLOPT_POST => true,
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_TIMEOUT => 60,
    CURLOPT_POSTFIELDS => [
        'connection_id' => $id,
        'password' => $password,
        'test' => 0,
        'Compression' => (int) $compression,
        'MD5Plain' => md5($plain),
        'MD5Compressed' => md5($packed),
        'SizePlain' => strlen($plain),
        'SizeCompressed' => strlen($packed),
        'Timestamp' => $now,
        'Buffering' => 1,
        'Version' => '2.1',
        'Receivers' => count($lines),
        'Package' => new CURLStringFile($packed, "package-$now.dat"),
    ],
]);
$reply = curl_exec($curl);
if ($reply === false) {
    fwrite(STDERR, curl_error($curl) . "\n");
    exit(1);
}
echo $reply;
