# Simplified Chinese: translated from English.

site-skip = 跳至主要内容
site-home-link = NPOC，非营利组织选区
site-home-link-footer = NPOC 首页
site-nav-main = 主菜单
site-nav-footer = 页脚
site-preview = NPOC，非营利组织选区：一道弧线上有许多圆点，都与同一个点相连

site-languages = 语言
site-languages-empty = 这些链接会打开一份空白的申请表。如要保留已填写的内容，请使用本页末尾的按钮。
site-offer = 本页面提供简体中文版
site-not-reviewed = NPOC 尚未审阅本译文。经核准的文本是英文版。

site-footer-about = NPOC 是 ICANN 非商业利益相关方团体（NCSG）的一个选区。
site-footer-npoc = NPOC
site-footer-joining = 申请加入
site-footer-contact = 联系我们
site-footer-charter = NPOC 章程
site-profile = NPOC 的 { $network } 主页

site-npoc-full = 非营利组织选区

page-home-label = 首页
page-home-title = NPOC：非营利组织选区
page-home-description = NPOC 是希望参与 ICANN 政策制定流程的非营利组织和非政府组织的家园。
page-who-label = 关于我们
page-who-title = 关于我们 – NPOC
page-who-description = NPOC（非营利组织选区）是什么，以及它致力于应对哪些运营关切。
page-goals-label = 我们的目标
page-goals-title = 我们的目标 – NPOC
page-goals-description = 在 ICANN 互联网治理生态系统中，NPOC 代表民间社会组织表达其运营关切。
page-join-label = 谁可以加入
page-join-title = 谁可以加入 NPOC，为何加入，如何加入 – NPOC
page-join-description = 哪些组织可以加入 NPOC，为什么应当加入，以及申请如何进行。
page-icann-label = 关于 ICANN
page-icann-title = 关于 ICANN – NPOC
page-icann-description = ICANN 的工作，以及它如何通过多利益相关方模型制定政策。
page-membership-label = NPOC 入会申请
page-membership-title = NPOC 入会申请表
page-membership-description = 为贵组织申请成为 NPOC 成员。只有一页，大约需要二十分钟。
page-privacy-label = 隐私说明
page-privacy-title = 隐私说明 – NPOC
page-privacy-description = 本网站询问哪些信息、为何询问，以及谁会看到这些信息。
page-accessibility-label = 无障碍说明
page-accessibility-title = 无障碍说明 – NPOC
page-accessibility-description = 本网站如何为每一位读者而设计，以及遇到障碍时如何反馈。

error-title = { $heading } – NPOC
error-not-found = 未找到页面
error-not-found-text = 如果网址是您输入的，请检查是否正确。如果您点击了某个链接，该链接可能已经过时。
error-method = 无法以这种方式使用此页面
error-method-text = 此网址存在，但不支持您的浏览器或程序所请求的操作。没有保存任何内容。
error-timeout = 您填写的内容未能及时送达
error-timeout-text = 网络连接过慢或已中断。您填写的内容仍在浏览器的上一页中，请返回该页，然后重新提交。即使多次提交，也只会保存一次。
error-too-large = 您填写的内容过长，无法读取
error-too-large-text = 没有保存任何内容。您填写的内容仍在浏览器的上一页中，请返回该页，缩短其中最长的一项，然后重新提交。
error-media-type = 无法读取您填写的内容
error-media-type-text = 这些内容经过压缩，或者送达时不是网页表单的格式。没有保存任何内容。请使用本网站的申请表，或发送电子邮件联系 NPOC。如果用程序提交，请勿压缩，并采用 application/x-www-form-urlencoded 格式。
error-too-many = 提交过于频繁
error-too-many-text = 您所在的网络在短时间内提交的内容过多。请等待一分钟。您填写的内容仍在浏览器的上一页中，请返回该页，然后重新提交。
error-unavailable = 暂时无法使用
error-unavailable-text = 网站正在运行，但暂时无法完成此操作。请在一分钟后重试。如果您刚才正在提交填写的内容，这些内容仍在浏览器的上一页中，请返回该页，然后重新提交。
error-encoding = 无法识别此请求
error-encoding-text = 此请求使用了本网站无法读取的编码。没有保存任何内容。请使用本网站的申请表，或发送电子邮件联系 NPOC。
error-request = 无法识别此请求
error-request-text = 没有保存任何内容。请返回上一页，然后重试。
error-internal = 我们这边出了问题
error-internal-text = 这是我们的问题，不是您的问题，我们已留有记录。请在一分钟后重试。如果您刚才正在提交申请，请在浏览器中返回上一页，然后重新提交。即使多次提交，也只会保存一次。
error-ways = 接下来您可以前往
error-way-home = 首页
error-way-join = 谁可以加入 NPOC，如何加入
error-way-form = 申请表：NPOC 入会申请
error-contact = 仍然无法使用？请发送电子邮件至 { $mail }。
error-status = 错误代码：{ $status }
