"""Sums the clicks of a day by page."""

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

day = sys.argv[1]
spark = SparkSession.builder.appName(f"clicks {day}").enableHiveSupport().getOrCreate()
clicks = spark.table("clicks").where(F.col("day") == day)
clicks.groupBy("page").count().write.mode("overwrite").insertInto("clicks_by_page")
