"""How the API speaks: rows and answers as JSON, refusals as problems, and every sentence in both languages."""
