# The page on which an applicant proves that the domain name is theirs, and the emails about it.

# On the page of the application, with a link to the page of the domain
domain-link-heading = Your domain name
domain-link-text = Prove that your organization controls its domain name. You do not have to, but it makes the review easier.
domain-link = Prove your domain name

domain-title = Your domain name – NPOC
domain-heading = Prove your domain name
# $domain (Element): the domain name of the application
domain-lead = Your application names { $domain }. A proof that your organization controls this domain name makes the review easier. You do not have to give one: NPOC reviews every application. Use a DNS record or a file: one of them is enough.
domain-proved-heading = Your domain name is proved
# $day (Text): a day, such as 26 November 2026
domain-proved-dns = We found your DNS record on { $day }. You can remove it now.
# $day (Text): a day, such as 26 November 2026
domain-proved-web = We found the file on your website on { $day }. You can remove it now.
domain-back = Back to the page of your application
domain-not-now-heading = There is nothing to prove now
domain-not-now-text = NPOC is not reviewing your application at the moment.

# Below the lead
domain-share = If another person manages your domain name, send that person only the lines below. Do not send the address of this page: anyone who knows it can act for you.
# $day (Text): a day, such as 26 November 2026
domain-until = These lines are valid until { $day }.

# The first way
domain-dns-heading = With a DNS record
domain-dns-text = Sign in where your domain name is managed, often at the company that sold it to you. Add this DNS record.
domain-record-type = Type
domain-record-host = Name or host
# $label (Element): the beginning of the name, such as _npoc-challenge
domain-record-hint = Many forms add the domain name by themselves. In such a form, type only { $label }.
domain-record-value = Value or text

# The second way
domain-web-heading = With a file on your website
domain-web-text = Put a text file at this address. It contains the text below and nothing else. The address must work with https.
domain-file-address = Address
domain-file-content = Content of the file

# The third way
domain-mail-heading = If you can do neither: show a mailbox
domain-mail-text = We send a code to your representative’s email address, which is at this domain name. The code shows NPOC that you have a mailbox there. It counts less than a proof.
domain-mail-send = Send the code
domain-mail-sent = We have sent a code to your representative. The email can take a few minutes.
domain-mail-again = Send a new code
domain-mail-label = Code
domain-mail-hint = 8 letters, from our email. The code is valid for 24 hours
domain-mail-check = Check the code
domain-mail-wrong = This code is wrong. Compare it with our last email
domain-mail-over = This code is not valid any more. Send a new one
domain-mail-limited = We can send no more emails about your application today
domain-mail-unreachable = Our emails to your representative come back
# $day (Text): a day, such as 26 November 2026
domain-mail-shown = On { $day } you showed that you have a mailbox at this domain name.

# When the site looks for the record and the file
domain-look-heading = When you have added the record or the file
domain-look-text = We check by ourselves, several times within 30 days. You can also ask us to check now.
domain-look = Check now
domain-look-soon = We will check within a minute. Then open this page again.
# A link to this page
domain-look-open = Open this page again
domain-too-soon = You asked less than a minute ago. Wait a minute, then ask again
domain-too-many = You have asked 20 times today. We go on checking by ourselves
# $time (Text): day and time, such as 26 November 2026, 14:05 UTC
domain-last = Last check: { $time }
# $time (Text): day and time, such as 26 November 2026, 14:05 UTC
domain-next = Next check: { $time }

# What the site found. Below the first way
domain-found-no-record = We found no TXT record at this name.
# Before a list of texts
domain-found-other-records = We found these TXT records. None of them is the right one:
domain-found-unverified = We could not verify the answer, or could not reach your name servers. Ask the people who manage your DNS.
domain-found-signature = Your name servers answer, but the answer could not be verified. The DNSSEC signature is probably wrong. Ask the people who manage your DNS.
domain-found-no-answer = We got no answer.
domain-found-not-a-name = This name is too long for DNS. Use the file.
# Below the second way
# $host (Element): the name of the website
# $status (Text): the number of an HTTP status, such as 404
domain-found-status = { $host } does not have the file. Its answer had the status { $status }.
# $host (Element): the name of the website
domain-found-content = The file at { $host } does not contain exactly this text.
domain-found-no-website = We found no website at this name.
domain-found-refused = The web server did not accept our connection.
domain-found-timeout = The web server took too long to answer.
domain-found-certificate = The security certificate of the website is not valid. It may have expired, or belong to another name.
domain-found-redirect = The address leads to another website, or to one without https. We only follow it between the name with www and the name without www.
domain-found-not-public = The name leads to an address that is not public.
domain-found-unreadable = We could not read the answer of the web server.

# Emails
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-domain-subject = Your domain name is proved: { $reference }
update-domain = We found the proof that your organization controls the domain name in its application to NPOC. You can remove the record or the file now.
# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
update-code-subject = Your code for the application to NPOC: { $reference }
# Before the code
update-code = A person who knows the secret address of an application to NPOC has asked for this code. Your email address is in the application.
update-code-use = Type the code on the page of the application within 24 hours. If you did not apply to NPOC, ignore this email and give the code to nobody.
