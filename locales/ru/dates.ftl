# Written by bin/cldr. Source: Unicode CLDR 48.2.0, cldr-dates-full. License: Unicode-3.0, in LICENSE-UNICODE.

# The names of the months inside a date
month-1 = января
month-2 = февраля
month-3 = марта
month-4 = апреля
month-5 = мая
month-6 = июня
month-7 = июля
month-8 = августа
month-9 = сентября
month-10 = октября
month-11 = ноября
month-12 = декабря
# The arguments are those of locales/en/dates.ftl.
date-and-time = { $day } { $month } { $year } г., { $time } UTC
date = { $day } { $month } { $year } г.
