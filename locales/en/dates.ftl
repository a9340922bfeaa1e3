# Dates. The names of the months and the order of their parts are those of Unicode CLDR; `bin/cldr` writes the other languages.

# The names of the months inside a date
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
# $day (Number): the day of the month
# $month (Text, optional): the name of the month
# $month_number (Number, optional): the number of the month, which some languages write instead
# $year (Number): the year
# $time (Text): hours and minutes, from 00:00 to 23:59
date-and-time = { $day } { $month } { $year }, { $time } UTC
# The same without the time
# $day (Number): the day of the month
# $month (Text, optional): the name of the month
# $month_number (Number, optional): the number of the month, which some languages write instead
# $year (Number): the year
date = { $day } { $month } { $year }
