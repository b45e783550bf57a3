"""Studies: do stations agree, how many parts does a claim take, and is one model really better than another?"""
