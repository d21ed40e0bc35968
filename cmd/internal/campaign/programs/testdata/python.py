"""Writes workbooks by openpyxl and XlsxWriter into the folder that is given."""
import datetime
import sys

import openpyxl
import xlsxwriter

folder = sys.argv[1] + "/"

# What people type, with numbers of which a spreadsheet has dropped the 0.
book = openpyxl.Workbook()
sheet = book.active
for row in [
    ["Nr. crt.", "Telefon", "Mesaj", "Data"],
    [1, "0712345671", "Bună ziua, Ana\nne vedem mâine <&> \"azi\"", None],
    [2, 712345672, "Comandă expediată", datetime.datetime(2030, 1, 31, 9, 0)],
    [3, 40712345673, "  spații  ", None],
    [4, "+40 712 345 674", 1234, datetime.date(2030, 1, 31)],
    [5, 0.5, "x", None],
    [6, "0712345676", True, None],
]:
    sheet.append(row)
book.save(folder + "openpyxl.xlsx")

# A formula of which nobody has calculated the result.
book = openpyxl.Workbook()
sheet = book.active
for row in [["telefon", "mesaj", "expeditor"], ["0712345671", '="Bună "&A2', None], ["0712345672", "scris", '=IF(TRUE,"numeric","x")']]:
    sheet.append(row)
book.save(folder + "openpyxl-formulas.xlsx")

# Rows and columns that are hidden, grouped and filtered.
book = openpyxl.Workbook()
sheet = book.active
for row in [["telefon", "mesaj", "text"], ["0712345671", "unu", "ascuns"], ["0712345672", "doi", "ascuns"], ["0712345673", "trei", "ascuns"], ["0712345674", "patru", "ascuns"]]:
    sheet.append(row)
sheet.row_dimensions[3].hidden = True
sheet.row_dimensions.group(4, 4, hidden=True)
sheet.row_dimensions.group(5, 5, hidden=False)
sheet.column_dimensions["C"].hidden = True
book.create_sheet("Altă foaie", 0).sheet_state = "veryHidden"
book.active = 1
book.save(folder + "openpyxl-hidden.xlsx")

# As it streams rows out.
book = openpyxl.Workbook(write_only=True)
sheet = book.create_sheet("Foaie")
sheet.append(["to", "text"])
for i in range(3):
    sheet.append(["071234567%d" % i, "mesajul %d" % i])
book.save(folder + "openpyxl-streamed.xlsx")

# The days of old Mac workbooks.
book = openpyxl.Workbook()
book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
sheet = book.active
for row in [["to", "text", "send_at"], ["0712345671", "unu", datetime.datetime(2030, 1, 31, 9, 0)]]:
    sheet.append(row)
book.save(folder + "openpyxl-1904.xlsx")

# XlsxWriter writes 0 for results, and for the cells that an array formula fills.
book = xlsxwriter.Workbook(folder + "xlsxwriter.xlsx")
sheet = book.add_worksheet()
for row, cells in enumerate([["telefon", "mesaj"], ["0712345671"], ["0712345672"], ["0712345673"], ["0712345674"]]):
    sheet.write_row(row, 0, cells)
sheet.write_formula(1, 1, '="Bună "&A2')
sheet.write_formula(2, 1, '="Bună "&A3', None, "Bună 0712345672")
sheet.write_array_formula("B4:B5", '{="Bună "&A4:A5}')
book.close()

book = xlsxwriter.Workbook(folder + "xlsxwriter-constant-memory.xlsx", {"constant_memory": True})
sheet = book.add_worksheet("Foaie1")
bold = book.add_format({"bold": True})
sheet.write_row(0, 0, ["telefon", "mesaj"])
sheet.write_string(1, 0, "0712345671")
sheet.write_rich_string(1, 1, "Bună ", bold, "ziua", ", Ana")
sheet.write_string(2, 0, "0712345672")
sheet.write_number(2, 1, 120.5, book.add_format({"num_format": '0.00 "lei"'}))
book.close()
