<?php
// A gateway in PHP, for `php -S`: it sees an upload as PHP shows it to a script, in
// $_POST and $_FILES, and decodes it with PHP's own decoders. If everything agrees, it
// answers MESSAGE with a status for each message, and with the MD5 of the decoded
// package as the text.
require __DIR__ . '/lzf.php';

function refuse(int $code, string $text): never
{
    exit("ERROR;$code;$text");
}

header('Content-Type: text/plain; charset=utf-8');
$fields = ['connection_id', 'password', 'test', 'Compression', 'MD5Plain', 'MD5Compressed', 'SizePlain',
    'SizeCompressed', 'Timestamp', 'Buffering', 'Version', 'Receivers'];
if (count($_POST) < count($fields)) {
    refuse(1, 'too few arguments: PHP sees ' . count($_POST));
}
if (array_keys($_POST) !== $fields) {
    refuse(900, 'fields are ' . implode(' ', array_keys($_POST)));
}
if (array_keys($_GET) !== ['timestamp'] || !ctype_digit($_GET['timestamp'])) {
    refuse(900, 'the query is not a timestamp');
}
if ($_POST['connection_id'] !== getenv('CONNECTION_ID')) {
    refuse(2, 'connection id');
}
if ($_POST['password'] !== getenv('PASSWORD')) {
    refuse(7, 'password');
}
foreach (['Compression', 'SizePlain', 'SizeCompressed', 'Timestamp', 'Receivers'] as $number) {
    if (!ctype_digit($_POST[$number])) {
        refuse(900, "$number is not a number");
    }
}
if (abs(time() - (int) $_POST['Timestamp']) > 600 || $_POST['Timestamp'] !== $_GET['timestamp']) {
    refuse(900, 'Timestamp');
}
if ($_POST['Buffering'] !== '1' || $_POST['Version'] !== '2.1' || !in_array($_POST['test'], ['0', '1'], true)) {
    refuse(900, 'a constant field');
}
$file = $_FILES['Package'] ?? refuse(900, 'no file');
if ($file['error'] === UPLOAD_ERR_INI_SIZE) {
    refuse(900, 'the file is over upload_max_filesize');
}
if ($file['error'] !== UPLOAD_ERR_OK) {
    refuse(900, 'upload error ' . $file['error']);
}

if ($file['type'] !== 'application/octet-stream') {
    refuse(900, 'the file\'s type');
}

$packed = file_get_contents($file['tmp_name']);
if ((string) strlen($packed) !== $_POST['SizeCompressed'] || md5($packed) !== $_POST['MD5Compressed']) {
    refuse(900, 'SizeCompressed or MD5Compressed');
}
$size = (int) $_POST['SizePlain'];
$plain = match ($_POST['Compression']) {
    '0' => $packed,
    '1' => gzuncompress($packed),
    '2' => bzdecompress($packed),
    '3' => lzf_unpack($packed, $size),
    default => refuse(900, 'Compression'),
};
if (!is_string($plain)) {
    refuse(900, 'the package can\'t be decoded');
}
if ((string) strlen($plain) !== $_POST['SizePlain'] || md5($plain) !== $_POST['MD5Plain']) {
    refuse(900, 'SizePlain or MD5Plain');
}

$entries = [];
foreach (explode("\r\n", $plain) as $i => $line) {
    $fields = explode(';', $line);
    if (count($fields) !== 5 || !ctype_digit($fields[0]) || !ctype_digit($fields[1]) || $fields[3] === '' || !ctype_digit($fields[4])) {
        refuse(900, 'line ' . ($i + 1));
    }
    $entries[] = $fields[0] . ':' . (220000001 + $i) . ':3';
}
if ((string) count($entries) !== $_POST['Receivers']) {
    refuse(900, 'Receivers');
}
$reply = 'MESSAGE;1;' . md5($plain) . ';1001;' . implode(',', $entries);
header('Content-Length: ' . strlen($reply)); // which PHP's own server does not set
echo $reply;
