// Writes workbooks, and files of other kinds, by SheetJS and exceljs into the folder that is given.
const XLSX = require("xlsx");
const ExcelJS = require("exceljs");
const folder = process.argv[2] + "/";

const rows = [
  ["Nr. crt.", "Telefon", "Mesaj"],
  [1, "0712345671", "Bună ziua, Ana\nne vedem mâine"],
  [2, 712345672, "Comandă expediată; mulțumim"],
  [3, "+40712345673", 1234],
];
const book = () => {
  const made = XLSX.utils.book_new();
  XLSX.utils.book_append_sheet(made, XLSX.utils.aoa_to_sheet(rows), "Foaie1");
  return made;
};
XLSX.writeFile(book(), folder + "sheetjs.xlsx");
XLSX.writeFile(book(), folder + "sheetjs-shared.xlsx", { bookSST: true, compression: true });
for (const [type, name] of [["ods", "sheetjs.ods"], ["biff8", "sheetjs.xls"], ["xlsb", "sheetjs.xlsb"], ["xlml", "sheetjs-xml.xls"], ["html", "sheetjs-html.xls"], ["fods", "sheetjs.fods"]]) {
  XLSX.writeFile(book(), folder + name, { bookType: type });
}
XLSX.writeFile(book(), folder + "sheetjs.txt", { bookType: "txt" });
XLSX.writeFile(book(), folder + "sheetjs.csv", { bookType: "csv", FS: ";" });

const odd = XLSX.utils.aoa_to_sheet([["telefon", "mesaj", "text"], ["0712345671", null, "x"], ["0712345672", "doi", "x"], ["0712345673", "#N/A", "x"]]);
odd.B2 = { t: "n", f: '"Bună "&A2', v: 0 };
odd["!rows"] = [{}, {}, { hidden: true }];
odd["!cols"] = [{}, {}, { hidden: true }];
const oddBook = XLSX.utils.book_new();
XLSX.utils.book_append_sheet(oddBook, odd, "Foaie1");
XLSX.writeFile(oddBook, folder + "sheetjs-odd.xlsx");

(async () => {
  let made = new ExcelJS.Workbook();
  let sheet = made.addWorksheet("Foaie1");
  sheet.addRow(["telefon", "mesaj", "data"]);
  sheet.addRow(["0712345671", { richText: [{ text: "Bună " }, { font: { bold: true }, text: "ziua" }] }, new Date(Date.UTC(2030, 0, 31, 9))]);
  sheet.addRow(["0712345672", { formula: '"Bună "&A3', result: "Bună 0712345672" }]);
  sheet.addRow(["0712345673", { formula: '"Bună "&A4' }]);
  sheet.addRow(["0712345674", { error: "#N/A" }]);
  sheet.addRow(["0712345675", { text: "adresa", hyperlink: "https://exemplu.ro" }]);
  sheet.addRow([712345676, "ascuns"]).hidden = true;
  await made.xlsx.writeFile(folder + "exceljs.xlsx");

  const streamed = new ExcelJS.stream.xlsx.WorkbookWriter({ filename: folder + "exceljs-streamed.xlsx", useSharedStrings: true });
  sheet = streamed.addWorksheet("Foaie1");
  sheet.addRow(["to", "text"]).commit();
  sheet.addRow(["0712345671", "unu"]).commit();
  sheet.addRow(["0712345672", "unu"]).commit();
  await streamed.commit();
})();
