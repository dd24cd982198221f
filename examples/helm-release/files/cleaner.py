from helpers import partition

# ${bizdate} is DataWorks' own parameter: Helm leaves it alone, since a file is not a template.
print(partition("${bizdate}"))
