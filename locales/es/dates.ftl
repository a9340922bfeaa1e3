# Written by bin/cldr. Source: Unicode CLDR 48.2.0, cldr-dates-full. License: Unicode-3.0, in LICENSE-UNICODE.

# The names of the months inside a date
month-1 = enero
month-2 = febrero
month-3 = marzo
month-4 = abril
month-5 = mayo
month-6 = junio
month-7 = julio
month-8 = agosto
month-9 = septiembre
month-10 = octubre
month-11 = noviembre
month-12 = diciembre
# The arguments are those of locales/en/dates.ftl.
date-and-time = { $day } de { $month } de { $year }, { $time } UTC
date = { $day } de { $month } de { $year }
