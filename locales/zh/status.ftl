# Simplified Chinese: translated from English.

status-title = 已收到申请：{ $reference } – NPOC
status-heading = 谢谢您。我们已收到您的申请。
status-reference = 您的参考编号
status-received = 收到时间：{ $time }。请保留此页面：将其加入书签、打印出来，或记下参考编号。
status-bounced-heading = 发给您的一封邮件被退回
status-bounced-text = 我们发往申请中所填地址的邮件被退回。您的申请已妥善保存。请发送电子邮件至 { $mail }，注明参考编号，并提供 NPOC 可以联系到您的地址。如果当时您的邮箱已满，请说明这一情况。
status-held-heading = 您今天不会收到确认邮件
status-held-text = 您的申请已妥善保存，NPOC 会照常收到。网站每天发送的确认邮件数量有限，现已达到上限。您无需重新申请，本页面就是您的确认凭据。
status-ncsg-heading = 您的下一步：NCSG
status-ncsg-text = NPOC 的成员同时也是 ICANN 非商业利益相关方团体（NCSG）的成员。NCSG 有自己的申请表。如果贵组织尚未向 NCSG 提出申请，请一并填写该申请表。表中会询问选区，请选择 NPOC。
status-next-heading = 接下来的流程
status-next-stored = 您的申请已保存。NPOC 会通过电子邮件收到您填写的内容。
status-next-confirmation = 组织代表会收到一封确认邮件。
status-next-decides = NPOC 审阅您的申请并作出决定。
status-next-writes = NPOC 会按申请表中的地址向组织代表发送邮件。如果 NPOC 没有批准申请，您可以申诉。
status-contact-heading = 如何联系 NPOC
status-contact-text = 如有疑问或需要更正，请发送电子邮件至 { $mail }，并注明参考编号。
status-contact-spam = 如果到明天还没有收到我们的邮件，请先查看垃圾邮件文件夹，再与我们联系。
status-languages = 此页面的语言
