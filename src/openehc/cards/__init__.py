"""Residents' card accounts (材料一 6.1): register, change, bind cards, black-list, close."""
