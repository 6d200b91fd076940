"""PaLM-E's questions and plans about a table (Driess et al. 2023, section 6.1): asked, judged, counted."""
