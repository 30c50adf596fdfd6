"""The networks of CCDCGAN as Keras models, and their losses."""
