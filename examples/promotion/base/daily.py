"""Counts the clicks of a day. Runs in MaxCompute, in whichever workspace it is."""

import sys

from odps import ODPS

day = sys.argv[1]
o = ODPS.from_global()
with o.execute_sql(f"select count(*) from clicks where day = '{day}'").open_reader() as reader:
    print(reader[0][0])
