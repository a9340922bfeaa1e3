# The email that confirms an application to its representative.

# $reference (Text): the reference, such as NPOC-7K3M-Q2XD
email-subject = Your application to NPOC has arrived: { $reference }
# The title of the email for programs that show one
email-title = Your application to NPOC has arrived
# In the colored line at the top, behind “NPOC”
email-masthead = not-for-profit organizations constituency
email-arrived = Your organization’s application to join NPOC, the Not-for-Profit Organizations Constituency, has arrived.
# Before the reference, which stands on a line of its own
email-reference = Your reference:
email-next-heading = What happens next
email-next-decides = NPOC reads your application and decides. We will write to you at this address.
# Before the address of the NCSG's form, which stands on a line of its own
email-next-ncsg = Members of NPOC are also members of the NCSG, ICANN’s Non-Commercial Stakeholder Group. The NCSG has its own form. If your organization has not applied there yet, complete that form too, and select NPOC there:
email-next-appeal = If NPOC does not accept the application, you can appeal.
# Before the address of the receipt, which stands on a line of its own
email-receipt = Your receipt, which also shows where your application stands:
# Before info@npoc.org, which stands on a line of its own
email-contact = If you have a question or a correction, or if you did not apply, reply to this email and quote the reference. Or write to:
# The last line
email-signature = NPOC, Not-for-Profit Organizations Constituency
